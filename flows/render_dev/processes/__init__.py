"""How worker processes are started, forked or plain, watched, killed and read; everything else asks for workers."""
