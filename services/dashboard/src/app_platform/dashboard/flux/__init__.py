"""GitRepositories and Kustomizations: how they stand, what is entered in their forms, and how they are changed in a person's name."""
