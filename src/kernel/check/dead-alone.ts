/** An option that Kconfig grants, and that does nothing until one of its partners is there as well. */
export interface DeadAlone {
  readonly symbol: string;
  /** Any of these, as y or m, brings it to life: `RTC_DRV_*` is every option that begins so, `LSM:yama` the word yama in the text of LSM. The first is told. */
  readonly anyOf: readonly string[];
  /** What happens without. */
  readonly reason: string;
  /** Where that was read, in linux 6.12. */
  readonly source: string;
}

const needs = (symbol: string, anyOf: string, reason: string, source: string): DeadAlone => ({
  symbol,
  anyOf: anyOf.split(' '),
  reason,
  source,
});

const TABLES_IPV4 = 'IP_NF_FILTER IP_NF_NAT IP_NF_MANGLE IP_NF_RAW IP_NF_SECURITY NFT_COMPAT';
const TABLES_IPV6 = 'IP6_NF_FILTER IP6_NF_NAT IP6_NF_MANGLE IP6_NF_RAW IP6_NF_SECURITY NFT_COMPAT';
const EBTABLES = 'BRIDGE_EBT_T_FILTER BRIDGE_EBT_T_NAT BRIDGE_EBT_BROUTE';
const CT_RULES = 'NFT_CT NETFILTER_XT_TARGET_CT NET_ACT_CT OPENVSWITCH';
const HELPER = 'no packet is given to it: a rule must name the helper since linux 6.0';
const HELPER_SOURCE = 'net/netfilter/nf_conntrack_helper.c (__nf_ct_try_assign_helper)';
const NO_TRANSPORT = 'no bus shows a virtio device';

/** Read in the source. Where Kconfig itself knows the need (`depends on`, `select`), there is no entry. */
export const DEAD_ALONE: readonly DeadAlone[] = [
  // nftables
  needs(
    'NFT_LOG',
    'NF_LOG_SYSLOG NETFILTER_NETLINK_LOG',
    'each rule with `log` is refused (ENOENT)',
    'net/netfilter/nf_log.c (nf_logger_find_get)',
  ),
  needs(
    'NF_TABLES',
    'NF_TABLES_INET NF_TABLES_IPV4 NF_TABLES_IPV6 NF_TABLES_ARP NF_TABLES_BRIDGE NF_TABLES_NETDEV',
    'there is no family to make a table in (EOPNOTSUPP)',
    'net/netfilter/nf_tables_api.c (nf_tables_newtable)',
  ),
  needs(
    'NFT_FLOW_OFFLOAD',
    'NF_FLOW_TABLE_INET',
    'a flowtable of any family is refused (ENOENT)',
    'net/netfilter/nf_flow_table_inet.c',
  ),
  needs(
    'NF_FLOW_TABLE',
    'NFT_FLOW_OFFLOAD NET_ACT_CT',
    'nothing puts a connection into it',
    'net/netfilter/nft_flow_offload.c, net/sched/act_ct.c',
  ),
  needs(
    'NFT_TPROXY',
    'IP_MULTIPLE_TABLES',
    'no rule can route the packets to the proxy',
    'Documentation/networking/tproxy.rst',
  ),
  needs(
    'NETFILTER_SYNPROXY',
    'NFT_SYNPROXY IP_NF_TARGET_SYNPROXY IP6_NF_TARGET_SYNPROXY',
    'no rule can use it',
    'net/netfilter/nf_synproxy_core.c',
  ),
  needs(
    'NETFILTER_NETLINK_QUEUE',
    'NFT_QUEUE NETFILTER_XT_TARGET_NFQUEUE',
    'no rule can queue a packet',
    'net/netfilter/nfnetlink_queue.c',
  ),
  needs(
    'NETFILTER_NETLINK_LOG',
    'NFT_LOG NETFILTER_XT_TARGET_NFLOG',
    'no rule can log a packet',
    'net/netfilter/nfnetlink_log.c',
  ),
  // Connections
  needs(
    'NETFILTER',
    'NF_TABLES NETFILTER_XTABLES IP_VS OPENVSWITCH NET_ACT_CT',
    'its hooks have no user',
    'net/netfilter/core.c',
  ),
  needs(
    'NF_CONNTRACK',
    'NFT_CT NETFILTER_XT_MATCH_CONNTRACK NETFILTER_XT_MATCH_STATE NF_NAT IP_VS OPENVSWITCH NET_ACT_CT',
    'no rule asks for it, so no connection is tracked',
    'net/netfilter/nf_conntrack_proto.c (nf_ct_netns_get)',
  ),
  needs(
    'NF_CT_NETLINK',
    'NF_CONNTRACK_EVENTS',
    '`conntrack -E` hears of nothing',
    'net/netfilter/nf_conntrack_netlink.c (ctnetlink_conntrack_event)',
  ),
  needs(
    'NF_CONNTRACK_MARK',
    'NFT_CT NETFILTER_XT_CONNMARK NF_CT_NETLINK NET_ACT_CONNMARK NET_ACT_CT',
    'nothing sets a mark',
    'net/netfilter/nft_ct.c, xt_connmark.c',
  ),
  needs(
    'NF_CONNTRACK_TIMEOUT',
    `NF_CT_NETLINK_TIMEOUT ${CT_RULES}`,
    'nothing makes a timeout policy',
    'net/netfilter/nfnetlink_cttimeout.c',
  ),
  needs('NF_CONNTRACK_ZONES', CT_RULES, 'nothing sets a zone', 'net/netfilter/nft_ct.c, xt_CT.c'),
  needs(
    'NF_NAT',
    'NFT_NAT NFT_MASQ NFT_REDIR IP_NF_NAT IP6_NF_NAT NET_ACT_CT OPENVSWITCH',
    'no rule can translate an address',
    'net/netfilter/nf_nat_core.c',
  ),
  needs('NF_CONNTRACK_FTP', CT_RULES, HELPER, HELPER_SOURCE),
  needs('NF_CONNTRACK_TFTP', CT_RULES, HELPER, HELPER_SOURCE),
  needs('NF_CONNTRACK_SIP', CT_RULES, HELPER, HELPER_SOURCE),
  needs('NF_CONNTRACK_IRC', CT_RULES, HELPER, HELPER_SOURCE),
  // iptables
  needs(
    'NETFILTER_XTABLES',
    `${TABLES_IPV4} ${TABLES_IPV6} IP_NF_ARPFILTER ${EBTABLES} NET_ACT_IPT`,
    'its matches and targets have no table',
    'net/netfilter/x_tables.c',
  ),
  needs('IP_NF_IPTABLES', TABLES_IPV4, 'iptables finds no table', 'net/ipv4/netfilter/Kconfig'),
  needs('IP6_NF_IPTABLES', TABLES_IPV6, 'ip6tables finds no table', 'net/ipv6/netfilter/Kconfig'),
  needs('BRIDGE_NF_EBTABLES', `${EBTABLES} NFT_COMPAT`, 'ebtables finds no table', 'net/bridge/netfilter/Kconfig'),
  needs(
    'IP_SET',
    'IP_SET_HASH_* IP_SET_BITMAP_* IP_SET_LIST_SET',
    'there is no type to make a set of',
    'net/netfilter/ipset/ip_set_core.c (find_set_type_get)',
  ),
  needs('IP_SET', 'NETFILTER_XT_SET NET_EMATCH_IPSET', 'no rule can ask a set', 'net/netfilter/xt_set.c'),
  needs('IP_VS', 'IP_VS_PROTO_*', 'it balances no protocol', 'net/netfilter/ipvs/ip_vs_proto.c'),
  needs(
    'IP_VS',
    'IP_VS_RR IP_VS_WRR IP_VS_LC IP_VS_WLC IP_VS_FO IP_VS_OVF IP_VS_LBLC IP_VS_LBLCR IP_VS_DH IP_VS_SH IP_VS_MH IP_VS_SED IP_VS_NQ IP_VS_TWOS',
    'a service needs a scheduler',
    'net/netfilter/ipvs/ip_vs_sched.c',
  ),
  // Network
  needs('NET_SCH_INGRESS', 'NET_CLS_* NFT_FWD_NETDEV', 'nothing looks at what comes in', 'net/sched/sch_ingress.c'),
  needs('NET_CLS_ACT', 'NET_ACT_*', 'a filter has no action to take', 'net/sched/act_api.c'),
  needs('NET_L3_MASTER_DEV', 'NET_VRF IPVLAN', 'no device is one', 'net/l3mdev/l3mdev.c'),
  needs('NET_IPGRE_DEMUX', 'NET_IPGRE IPV6_GRE PPTP', 'nobody takes the packets', 'net/ipv4/gre_demux.c'),
  needs('INET_ESP', 'XFRM_USER NET_KEY', 'nothing can give it a key', 'net/xfrm/xfrm_user.c'),
  needs(
    'XFRM_USER',
    'INET_ESP INET6_ESP INET_AH INET6_AH INET_IPCOMP INET6_IPCOMP',
    'each state is refused (EPROTONOSUPPORT)',
    'net/xfrm/xfrm_state.c (__xfrm_init_state)',
  ),
  needs(
    'VSOCKETS',
    'VIRTIO_VSOCKETS VSOCKETS_LOOPBACK VMWARE_VMCI_VSOCKETS HYPERV_VSOCKETS VHOST_VSOCK',
    'a socket has no way (ENODEV)',
    'net/vmw_vsock/af_vsock.c (vsock_assign_transport)',
  ),
  needs(
    'NET_9P',
    'NET_9P_VIRTIO NET_9P_FD NET_9P_XEN NET_9P_RDMA NET_9P_USBG',
    'a mount finds no transport',
    'net/9p/client.c (p9_client_create)',
  ),
  // Devices
  needs('VIRTIO_BLK', 'VIRTIO_PCI VIRTIO_MMIO VIRTIO_VDPA S390', NO_TRANSPORT, 'drivers/virtio/Kconfig'),
  needs('VIRTIO_NET', 'VIRTIO_PCI VIRTIO_MMIO VIRTIO_VDPA S390', NO_TRANSPORT, 'drivers/virtio/Kconfig'),
  needs('VIRTIO_FS', 'VIRTIO_PCI VIRTIO_MMIO VIRTIO_VDPA S390', NO_TRANSPORT, 'drivers/virtio/Kconfig'),
  needs('RTC_CLASS', 'RTC_DRV_*', 'no driver reads the clock', 'drivers/rtc/Kconfig'),
  needs('HW_RANDOM', 'HW_RANDOM_*', 'no driver gives random numbers', 'drivers/char/hw_random/core.c'),
  needs('BLK_DEV_MD', 'MD_RAID* MD_LINEAR', 'there is no level to make an array of', 'drivers/md/md.c (find_pers)'),
  // Files
  needs(
    'SQUASHFS',
    'SQUASHFS_ZLIB SQUASHFS_LZ4 SQUASHFS_LZO SQUASHFS_XZ SQUASHFS_ZSTD',
    'no image can be unpacked',
    'fs/squashfs/decompressor.c',
  ),
  needs('VFAT_FS', 'NLS_CODEPAGE_*', 'a mount finds no code page', 'fs/fat/inode.c (fat_fill_super)'),
  needs('NFS_FS', 'NFS_V2 NFS_V3 NFS_V4', 'it speaks no version', 'fs/nfs/client.c (get_nfs_version)'),
  needs(
    'QUOTA',
    'QFMT_V1 QFMT_V2 QUOTA_TREE',
    'no format of quota files is known',
    'fs/quota/dquot.c (find_quota_format)',
  ),
  // Control groups
  needs(
    'CGROUPS',
    'MEMCG CGROUP_PIDS CPUSETS CGROUP_SCHED BLK_CGROUP CGROUP_DEVICE CGROUP_FREEZER CGROUP_BPF CGROUP_HUGETLB CGROUP_RDMA CGROUP_MISC CGROUP_PERF',
    'there is no controller: a group limits nothing',
    'kernel/cgroup/cgroup.c, include/linux/cgroup_subsys.h',
  ),
  needs(
    'CGROUP_SCHED',
    'FAIR_GROUP_SCHED RT_GROUP_SCHED EXT_GROUP_SCHED',
    'the controller cpu has no limit to set',
    'kernel/sched/core.c (cpu_files)',
  ),
  needs(
    'BLK_CGROUP',
    'BLK_DEV_THROTTLING BLK_CGROUP_IOCOST BLK_CGROUP_IOLATENCY BLK_CGROUP_IOPRIO BFQ_GROUP_IOSCHED',
    'the controller io has no limit to set',
    'block/blk-cgroup.c',
  ),
  // Security and tracing
  needs('SECURITY_LANDLOCK', 'LSM:landlock', 'the kernel does not start it', 'security/security.c (ordered_lsm_parse)'),
  needs('SECURITY_YAMA', 'LSM:yama', 'the kernel does not start it', 'security/security.c (ordered_lsm_parse)'),
  needs(
    'MITIGATION_UNRET_ENTRY',
    'MITIGATION_RETBLEED MITIGATION_SRSO',
    'nothing switches it on',
    'arch/x86/kernel/cpu/bugs.c (retbleed_select_mitigation)',
  ),
  needs(
    'UBSAN',
    'UBSAN_BOUNDS UBSAN_SHIFT UBSAN_DIV_ZERO UBSAN_UNREACHABLE UBSAN_SIGNED_WRAP UBSAN_BOOL UBSAN_ENUM UBSAN_ALIGNMENT',
    'it checks nothing',
    'lib/Kconfig.ubsan, scripts/Makefile.ubsan',
  ),
  needs('FTRACE', 'TRACING ENABLE_DEFAULT_TRACERS', 'there is no tracer', 'kernel/trace/Kconfig'),
];
