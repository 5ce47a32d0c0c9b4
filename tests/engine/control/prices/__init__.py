"""Tests of prices: their form, formulas, tariffs by time of use, and what sources really give."""
