"""The command where people run it: their folders, names, proxies, homes and terminals."""
