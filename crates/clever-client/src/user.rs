//! What users' tokens may call: their own data, without page sizes or cursors, which Clever refuses them.

use std::sync::Arc;

use clever_auth::{LibraryToken, UserToken};
use clever_model::{DistrictId, Role, SectionId, UserId};
use clever_raw::operation::{DataOperation, List};
use clever_raw::page::RawPage;
use clever_raw::v2_1::operations as v2_1;
use clever_raw::v3_1::operations::{GetDistrict, GetSectionsForUser, GetUser, GetUsersForSection};
use futures_core::Stream;

use crate::call::{Bearer, Caller};
use crate::error::{ClientError, SetupError};
use crate::options::ClientOptions;
use crate::pages::list::ListRequest;

/// A district-shared user, as the token of a login opens it. There are no rosters here.
#[derive(Debug, Clone)]
pub struct User(Arc<Caller>);

impl User {
    /// Prepares calls with `token`; makes none.
    ///
    /// # Errors
    ///
    /// [`SetupError`] when the options can't work.
    pub fn new(options: ClientOptions, token: UserToken) -> Result<Self, SetupError> {
        let version = options.version.as_str();
        Caller::new(options, Bearer::User(token), version, None).map(Self)
    }

    /// Reads the user's own record: name, address, roles.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn record(&self, own: &UserId) -> Result<RawPage, ClientError> {
        one(&self.0, &GetUser { id: own.as_str() }).await
    }

    /// Reads the record of the user's own district.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn district(&self, own: &DistrictId) -> Result<RawPage, ClientError> {
        one(&self.0, &GetDistrict { id: own.as_str() }).await
    }
}

/// A version of the API for Library teachers; older apps still speak v2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LibraryVersion {
    /// Version 2.0: `/teachers`, `/students`.
    V2_0,
    /// Version 2.1.
    V2_1,
    /// Version 3.0: `/users`.
    V3_0,
    /// Version 3.1.
    #[default]
    V3_1,
}

impl LibraryVersion {
    const fn as_str(self) -> &'static str {
        match self {
            Self::V2_0 => "v2.0",
            Self::V2_1 => "v2.1",
            Self::V3_0 => "v3.0",
            Self::V3_1 => "v3.1",
        }
    }

    /// Says whether every person is a `user`.
    const fn has_users(self) -> bool {
        matches!(self, Self::V3_0 | Self::V3_1)
    }
}

/// A teacher who shares her own classes with us through Clever Library.
#[derive(Debug, Clone)]
pub struct LibraryTeacher {
    caller: Arc<Caller>,
    version: LibraryVersion,
}

impl LibraryTeacher {
    /// Prepares calls with `token` in `version`, whatever the options say; makes none.
    ///
    /// # Errors
    ///
    /// [`SetupError`] when the options can't work.
    pub fn new(
        options: ClientOptions,
        token: LibraryToken,
        version: LibraryVersion,
    ) -> Result<Self, SetupError> {
        let caller = Caller::new(options, Bearer::Library(token), version.as_str(), None)?;
        Ok(Self { caller, version })
    }

    /// Reads the teacher's own record.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn record(&self, own: &UserId) -> Result<RawPage, ClientError> {
        let id = own.as_str();
        if self.version.has_users() {
            one(&self.caller, &GetUser { id }).await
        } else {
            one(&self.caller, &v2_1::GetTeacher { id }).await
        }
    }

    /// The teacher's sections.
    pub fn sections(
        &self,
        own: &UserId,
    ) -> impl Stream<Item = Result<RawPage, ClientError>> + Send + 'static + use<> {
        let list = if self.version.has_users() {
            self.list(&GetSectionsForUser::new(own.as_str()))
        } else {
            self.list(&v2_1::GetSectionsForTeacher::new(own.as_str()))
        };
        list.pages()
    }

    /// The students of one of the teacher's sections.
    pub fn students(
        &self,
        section: &SectionId,
    ) -> impl Stream<Item = Result<RawPage, ClientError>> + Send + 'static + use<> {
        let list = if self.version.has_users() {
            self.list(&GetUsersForSection {
                role: Some(Role::Student.as_str()),
                ..GetUsersForSection::new(section.as_str())
            })
        } else {
            self.list(&v2_1::GetStudentsForSection::new(section.as_str()))
        };
        list.pages()
    }

    /// A list in the teacher's version, without the page sizes that Clever refuses such a token.
    fn list<O: List>(&self, list: &O) -> ListRequest {
        ListRequest::whole(Arc::clone(&self.caller), list).in_version(self.version.as_str())
    }
}

/// Reads a single record in the caller's version.
async fn one<O: DataOperation>(
    caller: &Arc<Caller>,
    operation: &O,
) -> Result<RawPage, ClientError> {
    ListRequest::whole(Arc::clone(caller), operation)
        .in_version(caller.version)
        .first_page()
        .await
}
