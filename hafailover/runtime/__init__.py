"""Moves values between the world and the cores: no decisions, no system calls. Same code under every kind of world."""
