variable "project" {
  description = "The project that everything is created in. It exists already and has billing."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is a project id: 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "region" {
  description = "Where network, registry, buckets and address are."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is like europe-west4; a zone (europe-west4-a) goes into zones."
  }
}

variable "zones" {
  description = "The zones of the nodes. One zone makes the control plane zonal, several make it regional."
  type        = list(string)

  validation {
    condition     = length(var.zones) > 0 && alltrue([for zone in var.zones : startswith(zone, "${var.region}-")])
    error_message = "zones names at least one zone, and each lies in region."
  }
}

variable "name" {
  description = "The cluster's name, and the beginning of every other name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,17}[a-z0-9]$", var.name))
    error_message = "name has 3 to 19 lower-case letters, digits and hyphens."
  }
}

variable "kubernetes_version" {
  description = "The oldest version of the control plane. Image volumes need 1.35."
  type        = string
  default     = "1.35"

  validation {
    # The minor version is looked at only where there is one.
    condition     = try(tonumber(regex("^1\\.([0-9]+)(?:\\.|$)", var.kubernetes_version)[0]) >= 35, false)
    error_message = "kubernetes_version is 1.35 or later, such as 1.35 or 1.36.1-gke.100: models are mounted as image volumes."
  }
}

variable "release_channel" {
  description = "How soon GKE upgrades the cluster by itself."
  type        = string
  default     = "REGULAR"

  validation {
    condition     = contains(["RAPID", "REGULAR", "STABLE"], var.release_channel)
    error_message = "release_channel is RAPID, REGULAR or STABLE."
  }
}

variable "maintenance_start" {
  description = "When GKE may begin its daily maintenance, UTC. It ends streams on the nodes it replaces."
  type        = string
  default     = "02:00"
}

variable "deletion_protection" {
  description = "Refuses to destroy the cluster and the secrets until it is set to false and applied."
  type        = bool
  default     = true
}

variable "encrypt_node_traffic" {
  description = "Whether traffic between nodes is encrypted (WireGuard, by Dataplane V2)."
  type        = bool
  default     = true
}

variable "secrets_key" {
  description = "A key of Cloud KMS that encrypts Secrets in etcd: projects/P/locations/REGION/keyRings/R/cryptoKeys/K. GKE's service agent has to be let to use it."
  type        = string
  default     = null

  validation {
    condition     = var.secrets_key == null || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.secrets_key))
    error_message = "secrets_key is projects/P/locations/REGION/keyRings/R/cryptoKeys/K."
  }
}

variable "authorised_networks" {
  description = "Who may reach the control plane's public address: a name for each range. Empty: nobody."
  type        = map(string)
  default     = {}

  validation {
    # A mask, not a text, is compared: 0.0.0.0/1 twice is the whole Internet too.
    condition = alltrue([
      for range in values(var.authorised_networks) :
      can(cidrnetmask(range)) && try(tonumber(split("/", range)[1]) >= 8, false)
    ])
    error_message = "authorised_networks holds IPv4 ranges of /8 or smaller; 0.0.0.0/0 would open the control plane to everyone."
  }
}

variable "private_endpoint" {
  description = "True: the control plane has no public address at all (reach it from inside the VPC or by a VPN)."
  type        = bool
  default     = false
}

variable "network" {
  description = "Address ranges. They must not overlap with what the VPC is peered with."
  type = object({
    nodes         = optional(string, "10.10.0.0/20")
    pods          = optional(string, "10.20.0.0/16")
    services      = optional(string, "10.30.0.0/20")
    control_plane = optional(string, "172.16.0.0/28")
  })
  default = {}

  validation {
    condition     = alltrue([for range in values(var.network) : can(cidrnetmask(range))])
    error_message = "network holds IPv4 ranges, such as 10.10.0.0/20."
  }

  validation {
    condition     = endswith(var.network.control_plane, "/28")
    error_message = "network.control_plane is a /28: GKE takes no other size."
  }
}

variable "webhook_ports" {
  description = "Ports on which pods answer the control plane. Left out: those of substrate/webhook-ports.json."
  type = list(object({
    port      = number
    namespace = string
    service   = string
  }))
  default = null

  validation {
    condition     = var.webhook_ports == null || try(alltrue([for w in var.webhook_ports : w.port > 0 && w.port < 65536]), false)
    error_message = "webhook_ports holds TCP ports, 1 to 65535."
  }
}

variable "cpu_pool" {
  description = "The nodes of everything that needs no GPU. The counts are of all zones together."
  type = object({
    machine_type = optional(string, "e2-standard-4")
    disk_gb      = optional(number, 100)
    min          = optional(number, 1)
    max          = optional(number, 5)
  })
  default = {}

  validation {
    condition     = var.cpu_pool.min >= 1 && var.cpu_pool.max >= var.cpu_pool.min
    error_message = "cpu_pool: 1 <= min <= max; with no node nothing could wake the GPU pool."
  }
}

variable "gpu_pool" {
  description = "The nodes with GPUs. There are none until a pod asks; the counts are of all zones together."
  type = object({
    machine_type = optional(string, "g2-standard-8")
    accelerator  = optional(string, "nvidia-l4")
    per_node     = optional(number, 1)
    disk_gb      = optional(number, 200)
    max          = optional(number, 1)
    zones        = optional(list(string))
    driver       = optional(string, "DEFAULT")
    spot         = optional(bool, false)
  })
  default = {}

  validation {
    condition     = var.gpu_pool.max >= 1
    error_message = "gpu_pool.max is at least 1, and at most the project's quota GPUS_ALL_REGIONS divided by per_node."
  }

  validation {
    condition     = var.gpu_pool.disk_gb >= 200
    error_message = "gpu_pool.disk_gb is at least 200: models arrive as image layers, and a full disk evicts them."
  }

  validation {
    condition     = contains(["DEFAULT", "LATEST"], var.gpu_pool.driver)
    error_message = "gpu_pool.driver is DEFAULT or LATEST: on GKE the driver is GKE's, never the GPU Operator's."
  }
}

variable "secrets" {
  description = "Names of the secrets that External Secrets reads. Values never pass through here."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.secrets : can(regex("^[a-z][a-z0-9-]{0,62}$", name))])
    error_message = "secrets holds names of lower-case letters, digits and hyphens."
  }
}

variable "dns" {
  description = "The public zone that certificates and external-dns use. Null: none. create: false takes one that exists in the project."
  type = object({
    domain = string
    zone   = string
    create = optional(bool, true)
  })
  default = null

  validation {
    condition     = var.dns == null || can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.dns.domain))
    error_message = "dns.domain is like llm.example.com, with no dot at its end."
  }
}

variable "backup_writers" {
  description = "Kubernetes service accounts (namespace/name) that may write and read backups."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for w in var.backup_writers : can(regex("^[a-z0-9-]+/[a-z0-9-]+$", w))])
    error_message = "backup_writers holds namespace/name, such as n8n/backup."
  }
}

variable "backup_retention_days" {
  description = "How long a deleted or replaced backup can be brought back."
  type        = number
  default     = 30

  validation {
    condition     = var.backup_retention_days >= 7 && var.backup_retention_days <= 90
    error_message = "backup_retention_days is 7 to 90, the range of Cloud Storage's soft delete."
  }
}
