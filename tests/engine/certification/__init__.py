"""Behaviour that certification test cases for a central system ask for, by their ids."""
