"""Measuring a trained network, and the page that shows what came out."""
