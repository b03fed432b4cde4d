"""Workers that the suite serves; each module runs with this folder as its working directory."""
