"""The contracts: what each capability promises and what plugins hand over. Imports nothing else of Bharat.

Import from the module that holds the idea: `from bharat.contracts.storage import Storage`.
"""
