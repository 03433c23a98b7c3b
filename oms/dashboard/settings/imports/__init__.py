"""The import wizard: file, columns, check, commit. Each step is a page that works without scripts."""
