"""This package keeps the lock and the journals of runs in a store.

Each application in each inventory has its own store.
"""
