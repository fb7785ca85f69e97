#!/bin/bash
# Settings are environment variables with dots in their names, as in the official image. Only bash hands those on:
# dash drops them. JVM options come in ES_JAVA_OPTS.
home=/usr/share/elasticsearch
settings=()
while IFS= read -r -d '' variable; do
  case ${variable%%=*} in
    [a-z]*.*) settings+=("-E$variable") ;;
  esac
done < <(env -0)
cd "$home" || exit 1
# shellcheck disable=SC2086 # ES_JAVA_OPTS holds words
exec java -Xms256m -Xmx256m -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError ${ES_JAVA_OPTS:-} \
  -Des.path.home="$home" -Des.distribution.type=docker \
  -Dlog4j2.disable.jmx=true -Dlog4j.shutdownHookEnabled=false -Djava.security.egd=file:/dev/urandom \
  --module-path "$home/lib" --add-modules=jdk.net,jdk.management,jdk.unsupported --add-modules=ALL-MODULE-PATH \
  -cp "$home/launcher" Launcher "${settings[@]}"
