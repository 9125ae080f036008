"""Two nodes on one Linux machine: real packets, real bytes, FreeBSD's storage emulated."""
