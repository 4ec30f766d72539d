"""How JPEG and TIFF files are built: segments and directories, read without decoding a pixel."""
