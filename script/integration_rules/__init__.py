"""The rules that Home Assistant's validator has for a custom integration, checked without a network."""
