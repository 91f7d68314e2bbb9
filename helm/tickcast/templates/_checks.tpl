{{/* Combinations of values that cannot work. values.schema.json checks the values one by one. */}}
{{- define "tickcast.check" -}}
{{- include "tickcast.checkStore" . -}}
{{- include "tickcast.checkConfig" . -}}
{{- include "tickcast.checkExposure" . -}}
{{- end -}}

{{- define "tickcast.checkStore" -}}
{{- $redis := .Values.redis -}}
{{- $stores := list -}}
{{- if $redis.url }}{{ $stores = append $stores "redis.url" }}{{ end -}}
{{- if $redis.existingSecret }}{{ $stores = append $stores "redis.existingSecret" }}{{ end -}}
{{- if $redis.trial.enabled }}{{ $stores = append $stores "redis.trial.enabled" }}{{ end -}}
{{- if .Values.embedded.enabled }}{{ $stores = append $stores "embedded.enabled" }}{{ end -}}
{{- if eq (len $stores) 0 -}}
{{- fail "there is no store: set redis.existingSecret or redis.url, redis.trial.enabled to try Tickcast out, or embedded.enabled for a single node without Redis" -}}
{{- end -}}
{{- if gt (len $stores) 1 -}}
{{- fail (printf "%s exclude each other: choose one store" (join " and " $stores)) -}}
{{- end -}}
{{- if and $redis.url (not (regexMatch "^(redis|rediss|redis\\+sentinel|rediss\\+sentinel|redis\\+cluster|rediss\\+cluster)://" $redis.url)) -}}
{{- fail "redis.url must begin with redis://, rediss://, redis+sentinel://, rediss+sentinel://, redis+cluster:// or rediss+cluster://" -}}
{{- end -}}
{{- if .Values.embedded.enabled -}}
{{- if gt (int .Values.replicaCount) 1 -}}
{{- fail (printf "replicaCount is %d, but embedded.enabled permits one node: the embedded store serves one process. Set replicaCount to 1, or use Redis" (int .Values.replicaCount)) -}}
{{- end -}}
{{- if .Values.autoscaling.enabled -}}
{{- fail "autoscaling.enabled and embedded.enabled exclude each other: the embedded store serves one process. Use Redis to run several nodes" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tickcast.checkConfig" -}}
{{- $config := .Values.config -}}
{{- if not (hasKey ($config.public | default dict) "origins") -}}
{{- fail "config.public.origins is required: list the origins of the pages that use the service, such as https://app.example.com, or set [] if there is no page besides its own" -}}
{{- end -}}
{{- $modes := dig "auth" "modes" list $config -}}
{{- if not $modes -}}
{{- fail "config.auth.modes is required: list jwt, express-session or next-auth" -}}
{{- end -}}
{{- if has "trusted" $modes -}}
{{- fail "config.auth.modes must not contain trusted: anyone could act as any user" -}}
{{- end -}}
{{- $reserved := list "redis" "redis-ca" "tls" -}}
{{- range $name, $_ := .Values.secretFiles -}}
{{- if has $name $reserved -}}
{{- fail (printf "secretFiles.%s: the chart itself uses this name; choose another one" $name) -}}
{{- end -}}
{{- end -}}
{{- $known := concat (keys (.Values.secretFiles | default dict)) $reserved -}}
{{- range regexFindAll "/etc/tickcast/secrets/[^/\"]+" (include "tickcast.config" .) -1 -}}
{{- if not (has (base .) $known) -}}
{{- fail (printf "config names files below %s, but secretFiles has no %s: set secretFiles.%s.secretName" . (base .) (base .)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tickcast.checkExposure" -}}
{{- $networks := dig "public" "proxy" "networks" list .Values.config -}}
{{- $routes := dict "ingress.enabled" .Values.ingress.enabled "httpRoute.enabled" .Values.httpRoute.enabled -}}
{{- range $key, $enabled := $routes -}}
{{- if and $enabled (not $networks) -}}
{{- fail (printf "%s requires config.public.proxy.networks: the networks of the proxies' pods, such as 10.0.0.0/8. Without them, all clients count as one address, which limits.connections_per_address bounds" $key) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- fail "httpRoute.enabled requires httpRoute.parentRefs: the gateways that serve the route" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- fail "ingress.enabled requires ingress.hosts: the names that clients connect to" -}}
{{- end -}}
{{- if and .Values.monitoring.podMonitor.enabled .Values.monitoring.serviceMonitor.enabled -}}
{{- fail "monitoring.podMonitor.enabled and monitoring.serviceMonitor.enabled exclude each other: every node would be scraped twice" -}}
{{- end -}}
{{- if .Values.networkPolicy.enabled -}}
{{- $policy := .Values.networkPolicy -}}
{{- if and (or .Values.redis.url .Values.redis.existingSecret) (not $policy.redis.to) -}}
{{- fail "networkPolicy.enabled requires networkPolicy.redis.to: the peers of Redis, such as [{ipBlock: {cidr: 10.1.2.3/32}}]. Without them, nodes cannot reach Redis" -}}
{{- end -}}
{{- if and .Values.telemetry.otlp.endpoint (not $policy.collector.to) -}}
{{- fail "networkPolicy.enabled with telemetry.otlp.endpoint requires networkPolicy.collector.to: the peers of the collector. Without them, telemetry is lost" -}}
{{- end -}}
{{- end -}}
{{- end -}}
