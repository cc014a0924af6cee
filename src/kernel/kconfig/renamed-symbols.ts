const IN_NF_TABLES = 'it is part of NF_TABLES now';
const use = (...symbols: readonly string[]): string => `use ${symbols.join(' and ')} instead`;

/**
 * Symbols that other people's configurations still ask for, and what linux 6.12 has instead. Each key was looked for in its Kconfig
 * files and not found; each replacement is there (test/e2e/machine/kconfig-real.test.ts).
 */
const RENAMED: Readonly<Record<string, string>> = {
  IP_ROUTE_FWMARK: `rules match marks without it; ${use('IP_MULTIPLE_TABLES')}`,
  IP_NF_CONNTRACK: use('NF_CONNTRACK'),
  NF_CONNTRACK_IPV4: use('NF_CONNTRACK'),
  NF_CONNTRACK_IPV6: use('NF_CONNTRACK'),
  NF_NAT_IPV4: use('NF_NAT'),
  NF_NAT_IPV6: use('NF_NAT'),
  NFT_CHAIN_NAT: use('NFT_NAT'),
  NFT_CHAIN_NAT_IPV4: use('NFT_NAT'),
  NFT_CHAIN_NAT_IPV6: use('NFT_NAT'),
  NFT_MASQ_IPV4: use('NFT_MASQ'),
  NFT_MASQ_IPV6: use('NFT_MASQ'),
  NFT_REDIR_IPV4: use('NFT_REDIR'),
  NFT_REDIR_IPV6: use('NFT_REDIR'),
  NFT_CHAIN_ROUTE: IN_NF_TABLES,
  NFT_CHAIN_ROUTE_IPV4: IN_NF_TABLES,
  NFT_CHAIN_ROUTE_IPV6: IN_NF_TABLES,
  NFT_COUNTER: IN_NF_TABLES,
  NFT_OBJREF: IN_NF_TABLES,
  NFT_EXTHDR: IN_NF_TABLES,
  NFT_META: IN_NF_TABLES,
  NFT_RT: IN_NF_TABLES,
  NFT_SET_RBTREE: IN_NF_TABLES,
  NFT_SET_HASH: IN_NF_TABLES,
  NFT_SET_BITMAP: IN_NF_TABLES,
  NF_TABLES_SET: IN_NF_TABLES,
  IP_NF_TARGET_LOG: use('NETFILTER_XT_TARGET_LOG'),
  IP_NF_TARGET_ULOG: use('NETFILTER_XT_TARGET_NFLOG'),
  IP6_NF_TARGET_LOG: use('NETFILTER_XT_TARGET_LOG'),
  INET_XFRM_MODE_TRANSPORT: use('XFRM'),
  INET_XFRM_MODE_TUNNEL: use('XFRM'),
  RANDOM_TRUST_CPU: 'the processor is always trusted now (random.trust_cpu=off on the command line stops it)',
  RANDOM_TRUST_BOOTLOADER: 'the boot loader is always trusted now (random.trust_bootloader=off stops it)',
  CC_STACKPROTECTOR: use('STACKPROTECTOR'),
  CC_STACKPROTECTOR_STRONG: use('STACKPROTECTOR_STRONG'),
  DEBUG_RODATA: use('STRICT_KERNEL_RWX'),
  PAGE_TABLE_ISOLATION: use('MITIGATION_PAGE_TABLE_ISOLATION'),
  RETPOLINE: use('MITIGATION_RETPOLINE'),
  RETHUNK: use('MITIGATION_RETHUNK'),
  SLS: use('MITIGATION_SLS'),
  CPU_SRSO: use('MITIGATION_SRSO'),
  SPECULATION_MITIGATIONS: use('CPU_MITIGATIONS'),
  DEVKMEM: 'there is no /dev/kmem any more',
  ORC_UNWINDER: use('UNWINDER_ORC'),
  FRAME_POINTER_UNWINDER: use('UNWINDER_FRAME_POINTER'),
  EMBEDDED: use('EXPERT'),
  EXPERIMENTAL: 'nothing is marked as experimental any more; leave it out',
  MEMCG_SWAP: use('MEMCG'),
  MEMCG_KMEM: use('MEMCG'),
  SLAB: use('SLUB'),
  EXT4_USE_FOR_EXT23: use('EXT4_USE_FOR_EXT2'),
  AUTOFS4_FS: use('AUTOFS_FS'),
  EFI_VARS: use('EFIVAR_FS'),
};

/** What became of a symbol that is gone: a sentence by its name. */
export const RENAMED_SYMBOLS: ReadonlyMap<string, string> = new Map(Object.entries(RENAMED));
