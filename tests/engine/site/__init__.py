"""Tests of the site layer: what joins the rooms."""
