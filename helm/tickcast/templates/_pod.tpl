{{/* Parts of the pods of nodes. */}}

{{- define "tickcast.env" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
- name: TICKCAST__NODE__ID
  value: $(POD_NAME)
{{- with .Values.telemetry }}
{{- if .otlp.endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .otlp.endpoint | quote }}
- name: OTEL_EXPORTER_OTLP_PROTOCOL
  value: {{ .otlp.protocol | quote }}
{{- if not .otlp.metrics }}
- name: OTEL_METRICS_EXPORTER
  value: none
{{- end }}
- name: OTEL_TRACES_SAMPLER
  value: parentbased_traceidratio
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ .sampleRatio | quote }}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: k8s.namespace.name=$(POD_NAMESPACE),k8s.pod.name=$(POD_NAME),k8s.node.name=$(NODE_NAME)
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tickcast.volumeMounts" -}}
- name: config
  mountPath: /etc/tickcast/tickcast.toml
  subPath: tickcast.toml
  readOnly: true
{{- if .Values.embedded.enabled }}
- name: data
  mountPath: /var/lib/tickcast
{{- end }}
{{- range $name := include "tickcast.secretVolumes" . | fromYaml | keys | sortAlpha }}
- name: secret-{{ $name }}
  mountPath: /etc/tickcast/secrets/{{ $name }}
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tickcast.volumes" -}}
- name: config
  configMap:
    name: {{ include "tickcast.configName" . }}
    defaultMode: 288 # 0440
{{- if .Values.embedded.enabled }}
- name: data
  persistentVolumeClaim:
    claimName: {{ include "tickcast.claimName" . }}
{{- end }}
{{- $secrets := include "tickcast.secretVolumes" . | fromYaml }}
{{- range $name := keys $secrets | sortAlpha }}
- name: secret-{{ $name }}
  secret:
    {{- toYaml (get $secrets $name) | nindent 4 }}
    defaultMode: 288 # 0440
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The Secrets by the name of their folder below `/etc/tickcast/secrets`. A mount without `subPath` follows changes. */}}
{{- define "tickcast.secretVolumes" -}}
{{- $volumes := dict -}}
{{- range $name, $source := .Values.secretFiles -}}
{{- $_ := set $volumes $name $source -}}
{{- end -}}
{{- if or .Values.redis.url .Values.redis.existingSecret -}}
{{- $items := list (dict "key" (include "tickcast.redisSecretKey" .) "path" "url") -}}
{{- $_ := set $volumes "redis" (dict "secretName" (include "tickcast.redisSecretName" .) "items" $items) -}}
{{- end -}}
{{- with .Values.redis.caSecret -}}
{{- $items := list (dict "key" $.Values.redis.caSecretKey "path" "ca.crt") -}}
{{- $_ := set $volumes "redis-ca" (dict "secretName" . "items" $items) -}}
{{- end -}}
{{- with .Values.tls.existingSecret -}}
{{- $_ := set $volumes "tls" (dict "secretName" .) -}}
{{- end -}}
{{- toYaml $volumes -}}
{{- end -}}

{{- define "tickcast.topologySpreadConstraints" -}}
{{- $selector := dict "labelSelector" (dict "matchLabels" (include "tickcast.nodeSelectorLabels" . | fromYaml)) -}}
{{- range .Values.topologySpreadConstraints }}
- {{ merge (deepCopy .) $selector | toYaml | nindent 2 | trim }}
{{- end }}
{{- end -}}
