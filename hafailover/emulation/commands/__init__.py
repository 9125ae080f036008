"""Which programs does the modelled host have, and what do they answer?

Each is a function from the machine and the argument vector to a thread that returns a ``Result``:
exit status and what was written, byte for byte where the bytes are the system's.
"""
