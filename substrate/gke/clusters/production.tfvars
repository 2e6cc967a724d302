# Shows what a production cluster names. Change project, and who may reach the control plane.
project = "CHANGE-ME"
region  = "europe-west4"
zones   = ["europe-west4-a", "europe-west4-b", "europe-west4-c"]
name    = "production"

authorised_networks = {} # office = "203.0.113.0/29"

cpu_pool = { machine_type = "e2-standard-8", min = 3, max = 9 }
# The largest model takes two GPUs of one node. In all there are as many as gpu.kinds says in config.yaml.
gpu_pool = { machine_type = "g2-standard-24", per_node = 2, max = 4 }

secrets = [
  "argocd-client",
  "dex-connector",
  "grafana-admin",
  "grafana-client",
  "n8n-encryption-key",
  "oauth2-proxy-client",
  "oauth2-proxy-cookie",
  "open-webui-client",
  "open-webui-session",
  "serving-api-key",
  "tollgate-key-n8n",
  "tollgate-key-open-webui",
  "tollgate-key-tabby",
  "tollgate-key-verify",
  "tollgate-key-verify-spent",
]
dns = { domain = "llm.example.com", zone = "llm" }
