"""Keeps Cofactr's BOMs in step with a PLM system."""
