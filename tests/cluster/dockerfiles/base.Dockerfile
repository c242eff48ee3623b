# The base that deploy/Dockerfile names, as far as this machine can make it: Debian's Python in the place of the official image's.
FROM scratch
ADD base.tar /
RUN ln -s /usr/bin/python3 /usr/local/bin/python3 && ln -s python3 /usr/local/bin/python
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
CMD ["python3"]
