# One program of the build context on the base: the images of others that cannot be fetched here.
ARG BASE
FROM ${BASE}
ARG PROGRAM
ARG USER=65534:65534
COPY ${PROGRAM} /usr/local/bin/${PROGRAM}
RUN ln -s "/usr/local/bin/${PROGRAM}" /entrypoint
USER ${USER}
ENTRYPOINT ["/entrypoint"]
