"""Explanation methods: the interface is `explainer.Explainer`, every method has its own file, `registry` lists them.

Import a method from its own file. This package imports none of them, so that importing the registry is fast.
"""
