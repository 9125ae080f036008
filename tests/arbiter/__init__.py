"""The arbiters' values: what is asked, what is answered."""
