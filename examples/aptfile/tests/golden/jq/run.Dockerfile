ARG base_image
FROM ${base_image}
USER root
RUN apt-get update && apt-get install --yes --no-install-recommends jq
ARG user_id
ARG group_id
USER ${user_id}:${group_id}
