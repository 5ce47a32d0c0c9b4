"""The electrical side of a site: pure models stepped by time, without any protocol."""
