"""The commands of `stopgate`, each imported only when it is called."""
