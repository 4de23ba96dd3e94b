"""A program that uses up the memory of its control group until a server is gone.

order.py      whom the kernel ends first, and whom next: pure
__main__.py   the command
"""
