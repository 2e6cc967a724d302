variable "name" {
  description = "The cluster's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,17}[a-z0-9]$", var.name))
    error_message = "name has 3 to 19 lower-case letters, digits and hyphens."
  }
}

variable "nodes" {
  description = "The machines. The first server begins the cluster, the others join it."
  type = list(object({
    name    = string
    address = string           # of the machine in the network that the nodes share
    ssh     = optional(string) # user@host, where it is not root@address
    role    = optional(string, "agent")
    gpu     = optional(bool, false)
    labels  = optional(map(string), {})
    taints  = optional(list(string), [])
  }))

  validation {
    condition     = contains([1, 3, 5, 7], length([for node in var.nodes : node if node.role == "server"]))
    error_message = "nodes has 1, 3, 5 or 7 servers: etcd needs a majority, and an even number only adds one that can fail."
  }

  validation {
    condition     = alltrue([for node in var.nodes : contains(["server", "agent"], node.role)])
    error_message = "nodes: role is server or agent."
  }

  validation {
    condition     = length(distinct(var.nodes[*].name)) == length(var.nodes) && alltrue([for node in var.nodes : can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", node.name))])
    error_message = "nodes: names differ, and are of lower-case letters, digits and hyphens."
  }

  validation {
    condition     = length(distinct(var.nodes[*].address)) == length(var.nodes) && alltrue([for node in var.nodes : can(cidrnetmask("${node.address}/32"))])
    error_message = "nodes: addresses differ, and are IPv4, such as 192.168.1.11."
  }

  validation {
    # They end up in commands.
    condition     = alltrue([for node in var.nodes : node.ssh == null || can(regex("^[a-z_][a-z0-9_-]*@[a-zA-Z0-9.-]+$", node.ssh))])
    error_message = "nodes: ssh is like ubuntu@gpu-1.example.com."
  }

  validation {
    condition = alltrue(flatten([for node in var.nodes : [
      [for taint in node.taints : can(regex("^[a-zA-Z0-9./_-]+=[a-zA-Z0-9._-]*:(NoSchedule|PreferNoSchedule|NoExecute)$", taint))],
      [for key, value in node.labels : can(regex("^[a-zA-Z0-9./_-]+$", key)) && can(regex("^[a-zA-Z0-9._-]*$", value))],
    ]]))
    error_message = "nodes: taints are like key=value:NoSchedule, labels have a Kubernetes key and value."
  }
}

variable "k3s_version" {
  description = "The exact release, the same on every machine. Image volumes need 1.35."
  type        = string
  default     = "v1.35.4+k3s1"

  validation {
    condition     = try(tonumber(regex("^v1\\.([0-9]+)\\.[0-9]+\\+k3s[0-9]+$", var.k3s_version)[0]) >= 35, false)
    error_message = "k3s_version is an exact release of 1.35 or later, such as v1.35.4+k3s1: models are mounted as image volumes."
  }
}

variable "k3s_sha256" {
  description = "The binary's digest, if you have checked one. Null: only the release's own list of digests is compared with."
  type        = string
  default     = null

  validation {
    condition     = var.k3s_sha256 == null || can(regex("^[0-9a-f]{64}$", var.k3s_sha256))
    error_message = "k3s_sha256 has 64 hexadecimal digits."
  }
}

variable "api_address" {
  description = "A name or virtual address before all servers. Null: the first server's."
  type        = string
  default     = null

  validation {
    condition     = var.api_address == null || can(regex("^[a-zA-Z0-9.-]+$", var.api_address))
    error_message = "api_address is a host name or an IPv4 address, with neither scheme nor port."
  }
}

variable "edge_address" {
  description = "The address at which clients reach the edge. Null: the first node's that has no GPU, else the first node's."
  type        = string
  default     = null

  validation {
    condition     = var.edge_address == null || can(cidrnetmask("${var.edge_address}/32"))
    error_message = "edge_address is an IPv4 address."
  }
}

variable "registry" {
  description = "Where images are pulled from that are our own, such as registry.example.com/tollgate. Null: no such."
  type        = string
  default     = null
}

variable "pod_security" {
  description = "What a namespace enforces that has no label of its own."
  type        = string
  default     = "restricted"

  validation {
    condition     = contains(["privileged", "baseline", "restricted"], var.pod_security)
    error_message = "pod_security is privileged, baseline or restricted."
  }
}

variable "encrypt_node_traffic" {
  description = "Pod traffic between nodes goes through WireGuard."
  type        = bool
  default     = true
}

variable "pod_range" {
  type    = string
  default = "10.42.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.pod_range))
    error_message = "pod_range is an IPv4 range."
  }
}

variable "service_range" {
  type    = string
  default = "10.43.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.service_range))
    error_message = "service_range is an IPv4 range."
  }
}
