// Facts of the shipped classes that a test compares with: which properties are keys of which class.
#pragma once

namespace wsvirt::cim::test {

// One line for each set of keys: "keys: classes".
constexpr const char* hyperv_keys[] = {
    ": CIM_AlertIndication CIM_ClassCreation CIM_ClassDeletion CIM_ClassIndication"
    " CIM_ClassModification CIM_Collection CIM_CollectionOfMSEs CIM_EnabledLogicalElement CIM_Error"
    " CIM_Indication CIM_InstCreation CIM_InstDeletion CIM_InstIndication CIM_InstModification"
    " CIM_Job CIM_LogicalElement CIM_ManagedElement CIM_ManagedSystemElement CIM_ProcessIndication"
    " CIM_View Msvm_CompatibilityVector Msvm_Error Msvm_GuestClusterInformation"
    " Msvm_InteractiveSessionACE Msvm_MoveUnmanagedVhd Msvm_NetworkConnectionDiagnosticInformation"
    " Msvm_NumaNodeTopology Msvm_ResourcePoolRegistration Msvm_ServicingSettings Msvm_StorageAlert"
    " Msvm_VHDSetInformation Msvm_VHDSnapshotInformation"
    " Msvm_VirtualHardDiskState Msvm_VirtualMachineToDisks Msvm_VirtualSystemResourceRegistration"
    " Msvm_VirtualizationComponentRegistration",
    "AffectedElement AffectingElement: CIM_AffectedJobElement CIM_ServiceAffectsElement"
    " Msvm_AffectedJobElement Msvm_AffectedStorageJobElement Msvm_ServiceAffectsElement",
    "Antecedent Dependent: CIM_ActiveConnection CIM_BasedOn CIM_BindsTo CIM_BindsToLANEndpoint"
    " CIM_ConcreteDependency CIM_ControlledBy CIM_Dependency CIM_DeviceConnection"
    " CIM_DeviceSAPImplementation CIM_ElementAllocatedFromPool CIM_ElementView CIM_ForwardsAmong"
    " CIM_HostedAccessPoint CIM_HostedDependency CIM_HostedService CIM_LastAppliedSnapshot"
    " CIM_MediaPresent CIM_MetricDefForME CIM_MetricForME CIM_MetricInstance"
    " CIM_MostCurrentSnapshotInBranch CIM_PortOnDevice CIM_ProtocolControllerForDevice"
    " CIM_ProtocolControllerForUnit CIM_ResourceAllocationFromPool CIM_SAPSAPDependency"
    " CIM_ServiceSAPDependency CIM_SnapshotOfVirtualSystem CIM_SwitchPortDynamicForwarding"
    " CIM_SwitchesAmong CIM_TransparentBridgingDynamicForwarding CIM_VideoHeadOnController"
    " Msvm_ActiveConnection Msvm_BasedOn Msvm_BindsToLANEndpoint"
    " Msvm_ComputerSystemSummaryInformation Msvm_ConcreteDependency Msvm_ControlledBy"
    " Msvm_DeviceSAPImplementation Msvm_ElementAllocatedFromNumaNode Msvm_ElementAllocatedFromPool"
    " Msvm_EthernetDeviceSAPImplementation Msvm_EthernetPortInfo Msvm_EthernetSwitchInfo"
    " Msvm_FcActiveConnection Msvm_FcDeviceSAPImplementation Msvm_HostedDependency"
    " Msvm_HostedEthernetSwitchExtension Msvm_HostedService Msvm_HostedSwitchService"
    " Msvm_LastAppliedSnapshot Msvm_MediaPresent Msvm_MetricCollectionDependency Msvm_MetricDefForME"
    " Msvm_MetricForME Msvm_MetricInstance Msvm_MostCurrentSnapshotInBranch"
    " Msvm_ParentChildSettingData Msvm_ParentEthernetSwitchExtension Msvm_ProtocolControllerForUnit"
    " Msvm_ReferencePointOfVirtualSystem Msvm_ReferencePointOfVirtualSystemCollection"
    " Msvm_ReferencedProfile Msvm_RegisteredGuestService Msvm_ReplicaSystemDependency"
    " Msvm_ResourceAllocationFromPool Msvm_ResourceDependentOnResource"
    " Msvm_SerialPortOnSerialController Msvm_ServiceOfVssComponent Msvm_SnapshotOfVirtualSystem"
    " Msvm_SnapshotOfVirtualSystemCollection Msvm_SwitchPortDynamicForwarding"
    " Msvm_SystemReplicationRelationship Msvm_SystemTerminalConnection"
    " Msvm_TransparentBridgingDynamicForwarding Msvm_VideoHeadOnController"
    " Msvm_VirtualEthernetSwitchNicTeamingMember Msvm_WiFiDeviceSAPImplementation",
    "Capabilities ManagedElement: CIM_ElementCapabilities Msvm_ElementCapabilities"
    " Msvm_EthernetSwitchExtensionCapabilities",
    "Collection Member: CIM_CollectedMSEs CIM_MemberOfCollection Msvm_CollectedCollections"
    " Msvm_CollectedReferencePoints Msvm_CollectedSnapshots Msvm_CollectedVirtualSystems",
    "CollectionID: Msvm_ManagementCollection Msvm_SnapshotCollection Msvm_VirtualSystemCollection",
    "CollectionID VirtualSystemCollectionId: Msvm_ReferencePointCollection",
    "ConformantStandard ManagedElement: CIM_ElementConformsToProfile Msvm_ElementConformsToProfile"
    " Msvm_StandaloneV2ElementConformsToProfile",
    "ConnectionID InstanceID: Msvm_TerminalConnection",
    "CreationClassName DeviceCreationClassName DeviceID Name SystemCreationClassName SystemName:"
    " Msvm_EthernetPortData Msvm_EthernetSwitchPortBandwidthData Msvm_EthernetSwitchPortOffloadData",
    "CreationClassName DeviceID SystemCreationClassName SystemName: CIM_CDROMDrive CIM_Controller"
    " CIM_DVDDrive CIM_DesktopMonitor CIM_DiskDrive CIM_DisketteDrive CIM_Display"
    " CIM_DisplayController CIM_EthernetPort CIM_FCPort CIM_IDEController CIM_LogicalDevice"
    " CIM_LogicalDisk CIM_LogicalPort CIM_MediaAccessDevice CIM_Memory CIM_NetworkPort"
    " CIM_PointingDevice CIM_Processor CIM_ProtocolController CIM_SCSIProtocolController"
    " CIM_SerialController CIM_StorageExtent CIM_TPM CIM_TapeDrive CIM_USBDevice CIM_UserDevice"
    " CIM_VideoHead CIM_WiFiPort Msvm_Battery Msvm_DVDDrive Msvm_DiskDrive Msvm_DisketteController"
    " Msvm_DisketteDrive Msvm_EmulatedEthernetPort Msvm_EthernetSwitchPort Msvm_ExternalEthernetPort"
    " Msvm_ExternalFcPort Msvm_FcSwitchPort Msvm_FlexIoDevice Msvm_GpuPartition"
    " Msvm_GuestServiceInterfaceComponent Msvm_HeartbeatComponent Msvm_IDEController"
    " Msvm_InternalEthernetPort Msvm_Keyboard Msvm_KvpExchangeComponent Msvm_LogicalDisk Msvm_Memory"
    " Msvm_PciExpress Msvm_PersistentMemoryController Msvm_Physical3dGraphicsProcessor Msvm_Processor"
    " Msvm_Ps2Mouse Msvm_RdvComponent Msvm_S3DisplayController Msvm_SCSIProtocolController"
    " Msvm_SerialController Msvm_SerialPort Msvm_ShutdownComponent Msvm_Synthetic3DDisplayController"
    " Msvm_SyntheticDisplayController Msvm_SyntheticEthernetPort Msvm_SyntheticFcPort"
    " Msvm_SyntheticKeyboard Msvm_SyntheticMouse Msvm_TPM Msvm_TimeSyncComponent Msvm_VideoHead"
    " Msvm_VssComponent Msvm_WiFiPort",
    "CreationClassName MACAddress ServiceCreationClassName ServiceName SystemCreationClassName SystemName:"
    " CIM_DynamicForwardingEntry Msvm_DynamicForwardingEntry",
    "CreationClassName Name: CIM_ComputerSystem CIM_System Msvm_ComputerSystem Msvm_PartitionableGpu"
    " Msvm_PlannedComputerSystem Msvm_VirtualEthernetSwitch Msvm_VirtualFcSwitch",
    "CreationClassName Name SystemCreationClassName SystemName: CIM_ForwardingService CIM_LANEndpoint"
    " CIM_MetricService CIM_NetworkService CIM_ProtocolEndpoint CIM_ResourcePoolConfigurationService"
    " CIM_Service CIM_ServiceAccessPoint CIM_SwitchPort CIM_SwitchService"
    " CIM_TransparentBridgingService CIM_VLANEndpoint CIM_VirtualSystemManagementService"
    " CIM_VirtualSystemMigrationService CIM_VirtualSystemSnapshotService CIM_WiFiEndpoint"
    " Msvm_AssignableDeviceService Msvm_CollectionManagementService"
    " Msvm_CollectionReferencePointService Msvm_CollectionSnapshotService"
    " Msvm_EthernetSwitchBandwidthData Msvm_EthernetSwitchData Msvm_EthernetSwitchExtension"
    " Msvm_EthernetSwitchHardwareOffloadData Msvm_EthernetSwitchOperationalData Msvm_FcEndpoint"
    " Msvm_GuestCommunicationService Msvm_GuestFileService Msvm_GuestService"
    " Msvm_ImageManagementService Msvm_LANEndpoint Msvm_MetricService Msvm_ReplicationService"
    " Msvm_ResourcePoolConfigurationService Msvm_SecurityService Msvm_Synthetic3DService"
    " Msvm_TerminalService Msvm_TransparentBridgingService Msvm_VLANEndpoint"
    " Msvm_VirtualEthernetSwitchManagementService Msvm_VirtualSystemManagementService"
    " Msvm_VirtualSystemMigrationService Msvm_VirtualSystemReferencePointService"
    " Msvm_VirtualSystemSnapshotService Msvm_VssService Msvm_WiFiEndpoint",
    "CreationClassName NodeID SystemCreationClassName SystemName: Msvm_NumaNode",
    "CreationClassName SystemCreationClassName SystemName: Msvm_SecurityElement",
    "GroupComponent PartComponent: CIM_Component CIM_ConcreteComponent CIM_HostedResourcePool"
    " CIM_ServiceComponent CIM_SettingsDefineCapabilities CIM_SwitchServiceTransparentBridging"
    " CIM_SystemBIOS CIM_SystemComponent CIM_SystemDevice CIM_VirtualSystemSettingDataComponent"
    " Msvm_BootSourceComponent Msvm_ConcreteComponent Msvm_EthernetPortFailoverSettingDataComponent"
    " Msvm_EthernetPortSettingDataComponent Msvm_FeatureSettingsDefineCapabilities"
    " Msvm_GuestServiceInterfaceSettingDataComponent Msvm_HostedResourcePool"
    " Msvm_SettingDataComponent Msvm_SettingsDefineCapabilities Msvm_SystemBIOS Msvm_SystemComponent"
    " Msvm_SystemDevice Msvm_VirtualEthernetSwitchSettingDataComponent"
    " Msvm_VirtualSystemMigrationServiceSettingDataComponent Msvm_VirtualSystemSettingDataComponent",
    "Id: CIM_AggregationMetricDefinition CIM_BaseMetricDefinition Msvm_AggregationMetricDefinition"
    " Msvm_BaseMetricDefinition",
    "InstanceID: CIM_AggregationMetricValue CIM_AllocationCapabilities CIM_BaseMetricValue"
    " CIM_Capabilities CIM_ConcreteJob CIM_EnabledLogicalElementCapabilities"
    " CIM_EthernetPortAllocationSettingData CIM_MetricServiceCapabilities"
    " CIM_ResourceAllocationSettingData CIM_ResourcePool CIM_ResourcePoolConfigurationCapabilities"
    " CIM_SettingData CIM_StorageAllocationSettingData CIM_VLANEndpointSettingData"
    " CIM_VirtualEthernetSwitchSettingData CIM_VirtualSystemManagementCapabilities"
    " CIM_VirtualSystemMigrationCapabilities CIM_VirtualSystemMigrationSettingData"
    " CIM_VirtualSystemSettingData Msvm_AbstractResourcePoolSettingData Msvm_AggregationMetricValue"
    " Msvm_AllocationCapabilities Msvm_AssignableDeviceDismountSettingData Msvm_BaseMetricValue"
    " Msvm_BatterySettingData Msvm_BootSourceSettingData Msvm_CollectionReferencePointExportJob"
    " Msvm_CollectionReferencePointExportSettingData Msvm_CollectionReferencePointSettingData"
    " Msvm_CollectionSettingData Msvm_CollectionSnapshotExportSettingData Msvm_ConcreteJob"
    " Msvm_CopyFileToGuestJob Msvm_CopyFileToGuestSettingData Msvm_DiskMergeSettingData"
    " Msvm_EmulatedEthernetPortSettingData Msvm_EthernetPortAllocationSettingData"
    " Msvm_EthernetSwitchFeatureCapabilities Msvm_EthernetSwitchFeatureSettingData"
    " Msvm_EthernetSwitchHardwareOffloadSettingData Msvm_EthernetSwitchPortAclSettingData"
    " Msvm_EthernetSwitchPortBandwidthSettingData Msvm_EthernetSwitchPortExtendedAclSettingData"
    " Msvm_EthernetSwitchPortFeatureSettingData Msvm_EthernetSwitchPortIsolationSettingData"
    " Msvm_EthernetSwitchPortMigrationQosSettingData Msvm_EthernetSwitchPortOffloadSettingData"
    " Msvm_EthernetSwitchPortProfileSettingData Msvm_EthernetSwitchPortRdmaSettingData"
    " Msvm_EthernetSwitchPortRoutingDomainSettingData Msvm_EthernetSwitchPortSecuritySettingData"
    " Msvm_EthernetSwitchPortTeamMappingSettingData Msvm_EthernetSwitchPortVfpSettingData"
    " Msvm_EthernetSwitchPortVlanSettingData Msvm_ExternalEthernetPortCapabilities"
    " Msvm_FailoverNetworkAdapterSettingData Msvm_FcPortAllocationSettingData Msvm_FeatureSettingData"
    " Msvm_FlexIoDeviceSettingData Msvm_GpuPartitionSettingData"
    " Msvm_GuestCommunicationServiceSettingData Msvm_GuestNetworkAdapterConfiguration"
    " Msvm_GuestServiceInterfaceComponentSettingData Msvm_HeartbeatComponentSettingData"
    " Msvm_KvpExchangeComponentSettingData Msvm_KvpExchangeDataItem Msvm_MemorySettingData"
    " Msvm_MetricServiceCapabilities Msvm_MetricServiceSettingData Msvm_MigrationJob"
    " Msvm_NetworkConnectionDiagnosticSettingData Msvm_PciExpressSettingData Msvm_PhysicalGPUInfo"
    " Msvm_ProcessorPool Msvm_ProcessorSettingData Msvm_RdvComponentSettingData"
    " Msvm_RegisteredProfile Msvm_ReplicationAuthorizationSettingData Msvm_ReplicationRelationship"
    " Msvm_ReplicationServiceSettingData Msvm_ReplicationSettingData Msvm_ReplicationStatistics"
    " Msvm_ResourceAllocationSettingData Msvm_ResourcePool Msvm_ResourcePoolConfigurationCapabilities"
    " Msvm_ResourcePoolSettingData Msvm_SecuritySettingData Msvm_SerialPortSettingData"
    " Msvm_ShutdownComponentSettingData Msvm_StorageAllocationSettingData Msvm_StorageJob"
    " Msvm_StorageSettingData Msvm_SummaryInformation Msvm_SummaryInformationBase"
    " Msvm_Synth3dVideoPool Msvm_Synthetic3DDisplayControllerSettingData"
    " Msvm_Synthetic3DServiceSettingData Msvm_SyntheticDisplayControllerSettingData"
    " Msvm_SyntheticEthernetPortSettingData Msvm_SyntheticFcPortSettingData"
    " Msvm_SystemComponentSettingData Msvm_TerminalServiceSettingData"
    " Msvm_TimeSyncComponentSettingData Msvm_VirtualEthernetSwitchBandwidthSettingData"
    " Msvm_VirtualEthernetSwitchManagementCapabilities"
    " Msvm_VirtualEthernetSwitchNicTeamingSettingData Msvm_VirtualEthernetSwitchSettingData"
    " Msvm_VirtualFcSwitchSettingData Msvm_VirtualHardDiskSettingData"
    " Msvm_VirtualLogicalUnitSettingData Msvm_VirtualSystemCapabilities"
    " Msvm_VirtualSystemExportSettingData Msvm_VirtualSystemManagementCapabilities"
    " Msvm_VirtualSystemManagementServiceSettingData Msvm_VirtualSystemMigrationCapabilities"
    " Msvm_VirtualSystemMigrationNetworkSettingData Msvm_VirtualSystemMigrationServiceSettingData"
    " Msvm_VirtualSystemMigrationSettingData Msvm_VirtualSystemReferencePointExportJob"
    " Msvm_VirtualSystemReferencePointExportSettingData Msvm_VirtualSystemReferencePointSettingData"
    " Msvm_VirtualSystemSettingData Msvm_VirtualSystemSnapshotSettingData"
    " Msvm_VirtualSystemUpgradeSettingData Msvm_VssComponentSettingData"
    " Msvm_TPMSettingData",
    "InstanceID Lun PathId PortNumber TargetId: Msvm_MountedStorageImage",
    "InstanceID Name: Msvm_InstalledEthernetSwitchExtension Msvm_ReplicationProvider",
    "InstanceID VirtualSystemIdentifier: Msvm_VirtualSystemReferencePoint",
    "ManagedElement SettingData: CIM_ElementSettingData CIM_SettingsDefineState"
    " Msvm_ElementSettingData Msvm_SettingsDefineState Msvm_SystemExportSettingData",
    "Name: Msvm_ResourcePoolComponent Msvm_VirtualSystemResourceComponent"
    " Msvm_VirtualizationComponent",
    "Name SoftwareElementID SoftwareElementState TargetOperatingSystem Version: CIM_BIOSElement"
    " CIM_SoftwareElement Msvm_BIOSElement",
    "OtherResourceType ResourceSubType ResourceType: Msvm_ResourceTypeDefinition",
    "OwnedElement OwningElement: CIM_OwningJobElement Msvm_OwningJobElement",
    "SameElement SystemElement: CIM_LogicalIdentity Msvm_LogicalIdentity",
};

// One line for each set of keys: "keys: classes".
constexpr const char* dmtf_keys[] = {
    ": CIM_AlertIndication CIM_AllocatedLogicalElement CIM_ClassCreation CIM_ClassDeletion"
    " CIM_ClassIndication CIM_ClassModification CIM_Collection CIM_CollectionOfMSEs CIM_Credential"
    " CIM_EnabledLogicalElement CIM_Error CIM_GenericOperationCapabilitiesStructure CIM_Indication"
    " CIM_InstCreation CIM_InstDeletion CIM_InstIndication CIM_InstMethodCall CIM_InstModification"
    " CIM_InstRead CIM_Job CIM_LogicalElement CIM_ManagedElement CIM_ManagedSystemElement CIM_Message"
    " CIM_ProcessIndication CIM_SchemaInformationStructure CIM_View",
    "AffectedElement AffectingElement: CIM_AffectedJobElement CIM_ServiceAffectsElement",
    "Antecedent Dependent: CIM_AbstractBasedOn CIM_AbstractElementAllocatedFromPool"
    " CIM_ActiveConnection CIM_BasedOn CIM_BindsTo CIM_BindsToLANEndpoint CIM_CommMechanismForManager"
    " CIM_CommMechanismForObjectManagerAdapter CIM_ConcreteDependency CIM_ControlledBy CIM_Dependency"
    " CIM_DeviceConnection CIM_DeviceSAPImplementation CIM_ElementAllocatedFromPool"
    " CIM_ElementSoftwareIdentity CIM_ElementView CIM_HostedCollection CIM_HostedDependency"
    " CIM_HostedJobDestination CIM_HostedService CIM_LastAppliedSnapshot CIM_MediaPresent"
    " CIM_MetricDefForME CIM_MetricForME CIM_MetricInstance CIM_MostCurrentSnapshotInBranch"
    " CIM_NamespaceInManager CIM_PortOnDevice CIM_ProtocolControllerForDevice"
    " CIM_ProtocolControllerForUnit CIM_Realizes CIM_ReferencedProfile CIM_ReferencedSpecification"
    " CIM_ResourceAllocationFromPool CIM_RunningOS CIM_SAPSAPDependency CIM_ServiceAccessBySAP"
    " CIM_SnapshotOfVirtualSystem CIM_SubProfileRequiresProfile CIM_SwitchPortDynamicForwarding"
    " CIM_TransparentBridgingDynamicForwarding CIM_VideoHeadOnController",
    "Capabilities ManagedElement: CIM_ElementCapabilities",
    "Collection Member: CIM_CollectedMSEs CIM_MemberOfCollection CIM_OrderedMemberOfCollection",
    "CollectionID ProductIdentifyingNumber ProductName ProductVendor ProductVersion SystemID:"
    " CIM_InstalledProduct",
    "ConformantStandard ManagedElement: CIM_ElementConformsToProfile",
    "CreationClassName CSCreationClassName CSName Name: CIM_FileSystem CIM_OperatingSystem",
    "CreationClassName DeviceID SystemCreationClassName SystemName: CIM_CDROMDrive CIM_Controller"
    " CIM_DVDDrive CIM_DiskDrive CIM_DisketteDrive CIM_DisplayController CIM_EthernetPort CIM_FCPort"
    " CIM_IDEController CIM_Keyboard CIM_LogicalDevice CIM_LogicalDisk CIM_LogicalPort"
    " CIM_MediaAccessDevice CIM_Memory CIM_NetworkPort CIM_PointingDevice CIM_Processor"
    " CIM_ProtocolController CIM_SCSIProtocolController CIM_SerialController CIM_StorageExtent"
    " CIM_TPM CIM_USBController CIM_USBDevice CIM_UserDevice CIM_VideoHead CIM_Watchdog CIM_WiFiPort",
    "CreationClassName MACAddress ServiceCreationClassName ServiceName SystemCreationClassName SystemName:"
    " CIM_DynamicForwardingEntry",
    "CreationClassName Name: CIM_ComputerSystem CIM_System CIM_VirtualComputerSystem",
    "CreationClassName Name NamespaceCreationClassName NamespaceName ObjectManagerCreationClassName "
    "ObjectManagerName SystemCreationClassName SystemName:"
    " CIM_SystemIdentification",
    "CreationClassName Name ObjectManagerCreationClassName ObjectManagerName SystemCreationClassName "
    "SystemName:"
    " CIM_Namespace",
    "CreationClassName Name SystemCreationClassName SystemName: CIM_BootService"
    " CIM_CIMXMLCommunicationMechanism CIM_ForwardingService CIM_IndicationFilter"
    " CIM_IndicationHandler CIM_IndicationHandlerCIMXML CIM_IndicationService CIM_JobDestination"
    " CIM_JobQueue CIM_LANEndpoint CIM_ListenerDestination CIM_ListenerDestinationCIMXML"
    " CIM_ListenerDestinationWSManagement CIM_MetricService CIM_NetworkService CIM_ObjectManager"
    " CIM_ObjectManagerAdapter CIM_ObjectManagerCommunicationMechanism CIM_PowerManagementService"
    " CIM_ProtocolAdapter CIM_ProtocolEndpoint CIM_ResourcePoolConfigurationService CIM_Service"
    " CIM_ServiceAccessPoint CIM_SwitchPort CIM_TransparentBridgingService CIM_VLANEndpoint"
    " CIM_VirtualSystemManagementService CIM_VirtualSystemMigrationService"
    " CIM_VirtualSystemSnapshotService CIM_WBEMServer CIM_WBEMService CIM_WiFiEndpoint",
    "CreationClassName Tag: CIM_PhysicalElement",
    "Filter Handler: CIM_AbstractIndicationSubscription CIM_FilterCollectionSubscription"
    " CIM_FormattedIndicationSubscription CIM_IndicationSubscription",
    "GroupComponent PartComponent: CIM_Component CIM_ConcreteComponent CIM_HostedResourcePool"
    " CIM_OrderedComponent CIM_ProductElementComponent CIM_SettingsDefineCapabilities CIM_SystemBIOS"
    " CIM_SystemComponent CIM_SystemDevice CIM_VirtualSystemSettingDataComponent",
    "Id: CIM_AggregationMetricDefinition CIM_BaseMetricDefinition",
    "Identification ManagedNamespace: CIM_SystemInNamespace",
    "IdentifyingNumber Name Vendor Version: CIM_Product",
    "InstalledSoftware System: CIM_InstalledSoftwareIdentity",
    "InstanceID: CIM_AggregationMetricValue CIM_AllocationCapabilities CIM_BaseMetricValue"
    " CIM_BootConfigSetting CIM_BootSourceSetting CIM_CIMXMLCapabilities CIM_Capabilities"
    " CIM_ConcreteCollection CIM_ConcreteJob CIM_EnabledLogicalElementCapabilities"
    " CIM_EthernetPortAllocationSettingData CIM_FilterCollection CIM_IndicationServiceCapabilities"
    " CIM_IndicationServiceSettingData CIM_JobSettingData CIM_LogicalPortSettings CIM_MethodResult"
    " CIM_MetricServiceCapabilities CIM_NetworkPortSettings CIM_PowerManagementCapabilities"
    " CIM_ProcessorAllocationSettingData CIM_ProcessorCore CIM_ProtocolServiceCapabilities"
    " CIM_RedundancySet CIM_RegisteredProfile CIM_RegisteredSpecification CIM_RegisteredSubProfile"
    " CIM_ResourceAllocationSettingData CIM_ResourcePool CIM_ResourcePoolConfigurationCapabilities"
    " CIM_SettingData CIM_SoftwareIdentity CIM_StorageAllocationSettingData"
    " CIM_SystemSpecificCollection CIM_VirtualEthernetSwitchSettingData"
    " CIM_VirtualSystemManagementCapabilities CIM_VirtualSystemMigrationCapabilities"
    " CIM_VirtualSystemMigrationSettingData CIM_VirtualSystemSettingData"
    " CIM_VirtualSystemSnapshotCapabilities CIM_VirtualSystemSnapshotServiceCapabilities"
    " CIM_WBEMProtocolServiceCapabilities CIM_WBEMServerCapabilities CIM_WBEMServerNamespace"
    " CIM_WSManagementCapabilities",
    "ManagedElement SettingData: CIM_ElementSettingData CIM_SettingsDefineState",
    "Name SoftwareElementID SoftwareElementState TargetOperatingSystem Version: CIM_BIOSElement"
    " CIM_SoftwareElement",
    "OwnedElement OwningElement: CIM_OwningCollectionElement CIM_OwningJobElement",
    "SameElement SystemElement: CIM_ConcreteIdentity CIM_LogicalIdentity",
    "ServiceProvided UserOfService: CIM_AssociatedPowerManagementService"
    " CIM_ServiceAvailableToElement",
};

}  // namespace wsvirt::cim::test
