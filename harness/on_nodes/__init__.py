"""What runs on nodes: small programs that the harness sends along with the command that starts them.

They need a Python there, and nothing else: modules in here import the standard library and each other. `archive.py`,
which stays here, packs them.
"""
