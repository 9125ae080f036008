"""What does the storage stack look like, and what is the next safe command? Pure: no I/O, no clock."""
