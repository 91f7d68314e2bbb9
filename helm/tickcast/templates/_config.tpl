{{/* The content of `tickcast.toml`: `values.config`, and the keys that follow from other values. */}}
{{- define "tickcast.config" -}}
{{- $host := include "tickcast.listenHost" . -}}
{{- $public := dict "listen" (printf "%s:4000" $host) -}}
{{- if .Values.tls.existingSecret -}}
{{- $directory := "/etc/tickcast/secrets/tls" -}}
{{- $_ := dict "certificate_file" (printf "%s/tls.crt" $directory) "key_file" (printf "%s/tls.key" $directory) | set $public "tls" -}}
{{- end -}}
{{- $own := dict "mode" "production" "public" $public "internal" (dict "listen" (printf "%s:9000" $host)) -}}
{{- $_ := set $own "store" (include "tickcast.storeConfig" . | fromYaml) -}}
{{- $default := dict "log" (dict "format" "json") -}}
{{- if not .Values.embedded.enabled -}}
{{- $_ := set $default "store" (dict "cluster_name" (include "tickcast.clusterName" .)) -}}
{{- end -}}
{{- $config := mergeOverwrite $default (deepCopy .Values.config) $own -}}
{{ include "tickcast.toml" (dict "path" "" "table" $config) | trim }}
{{- end -}}

{{- define "tickcast.storeConfig" -}}
{{- if .Values.embedded.enabled -}}
url: embedded:///var/lib/tickcast
{{- else if .Values.redis.trial.enabled -}}
url: redis://{{ include "tickcast.trialName" . }}:6379
{{- else -}}
url_file: /etc/tickcast/secrets/redis/url
{{- end }}
{{- if .Values.redis.caSecret }}
ca_file: /etc/tickcast/secrets/redis-ca/ca.crt
{{- end }}
{{- end -}}

{{/* Two releases that share one Redis and prefix by mistake have different names, and Tickcast refuses the second one. */}}
{{- define "tickcast.clusterName" -}}
{{- $name := printf "%s.%s" .Release.Namespace (include "tickcast.fullname" .) -}}
{{- if gt (len $name) 64 -}}
{{ printf "%s-%s" ($name | trunc 53) ($name | sha256sum | trunc 10) }}
{{- else -}}
{{ $name }}
{{- end -}}
{{- end -}}
