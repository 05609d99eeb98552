"""The provider profiles, for people: listed, shown with all that a merchant needs, and as a page.

Profiles flow in, the built-in ones and the user's own; tables, a ready block of configuration and
`docs/providers.md` flow out. Everything is read from the profiles, so nothing here can be out of
date.
"""
