"""What files say of themselves: tags as exiv2 and exiftool read them."""
