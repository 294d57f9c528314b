"""The routes that FastAPI answers or documents, one file each."""
