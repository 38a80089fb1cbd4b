"""The commands of `brevdue`, a module per family; each loads what it needs when it runs."""
