"""``shardwise check``: is a job safe to retry?"""
