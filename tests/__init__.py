"""The Python tests of justjit."""
