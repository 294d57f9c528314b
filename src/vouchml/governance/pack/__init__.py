"""Evidence packs: all that is known and signed about one version, in one file that anybody can check."""
