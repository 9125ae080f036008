"""What is measured, as opposed to tested. Each module runs by itself: ``python -m benchmarks.NAME``."""
