"""GitHub as the forge: repositories of an organisation, by its REST API. The only place that imports PyGithub.

``api`` sends requests and knows limits, ``errors`` what answers mean, ``states`` what a repository should be, ``access`` how
Flux gets in, ``commits`` how commits are made and heads are read, ``forge`` puts them together behind the port.
Sources: https://docs.github.com/rest (version 2022-11-28). Decisions: docs/adr/0011.
"""
