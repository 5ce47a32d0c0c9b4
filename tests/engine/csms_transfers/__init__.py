"""Uploads, downloads, their progress and the signatures of firmware."""
