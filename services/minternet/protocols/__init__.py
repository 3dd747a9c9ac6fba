"""Meaning: what each server understands and replies. Imports wire and world only."""
