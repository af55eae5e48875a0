"""Explanation methods with one contract (`explainer`): one method per file, listed in `registry`.

Import a method from its own file. This package imports none of them, so that the list of methods is cheap.
"""
