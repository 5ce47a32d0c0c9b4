"""Tests of what stays are made of."""
