"""What programs may ask for, with which key, and how answers and errors look."""
