package grants

import "golang.org/x/sys/windows"

// ownedByUser reports whether a file belongs to the current user or, for an
// administrator, to the group of them (git, "is_path_owned_by_current_sid").
func ownedByUser(name string) bool {
	descriptor, err := windows.GetNamedSecurityInfo(name, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return false
	}
	owner, _, err := descriptor.Owner()
	if err != nil {
		return false
	}
	token := windows.GetCurrentProcessToken()
	user, err := token.GetTokenUser()
	if err != nil {
		return false
	}
	if owner.Equals(user.User.Sid) {
		return true
	}
	return owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) && token.IsElevated()
}
