"""What image files are made of: their structure byte by byte, their headers, and the doors to the libraries that open them."""
