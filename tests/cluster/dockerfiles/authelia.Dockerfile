# The local identity provider behind Authelia's manifests: started with its arguments, it reads the same files.
FROM ghcr.io/labrats-work/app-platform-local:0.1.0
COPY --chmod=755 authelia.py /app/bin/authelia
ENTRYPOINT ["authelia"]
