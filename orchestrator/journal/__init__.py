"""This package keeps the lock and the journal (the record of all runs) in a store.

Each application in each inventory has its own store.
"""
