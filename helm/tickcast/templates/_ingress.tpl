{{/* Annotations of Ingresses for a known controller. deploy/nginx gives the reasons for the values. */}}

{{- define "tickcast.ingressAnnotations" -}}
{{- if eq .Values.ingress.controller "nginx" -}}
nginx.ingress.kubernetes.io/proxy-connect-timeout: "2"
nginx.ingress.kubernetes.io/proxy-read-timeout: "75"
nginx.ingress.kubernetes.io/proxy-send-timeout: "75"
nginx.ingress.kubernetes.io/proxy-body-size: 16m
nginx.ingress.kubernetes.io/proxy-next-upstream: error timeout
nginx.ingress.kubernetes.io/proxy-next-upstream-tries: "3"
# The query may contain a token.
nginx.ingress.kubernetes.io/enable-access-log: "false"
{{- if .Values.tls.existingSecret }}
nginx.ingress.kubernetes.io/backend-protocol: HTTPS
{{- end }}
{{- end -}}
{{- end -}}

{{/* All requests of a polling client must reach the one node that holds its session. */}}
{{- define "tickcast.socketioAnnotations" -}}
{{- if eq .Values.ingress.controller "nginx" -}}
nginx.ingress.kubernetes.io/upstream-hash-by: $remote_addr
nginx.ingress.kubernetes.io/proxy-next-upstream: error timeout http_503
{{- end -}}
{{- end -}}
